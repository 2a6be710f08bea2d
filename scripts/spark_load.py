"""Loads CSV files on Spark: for spark-submit.

Usage: spark-submit scripts/spark_load.py INPUT... OUTPUT [--key id] [--types id=integer] [--errors errors.csv] [--report report.json] ...

Flags are those of `rowmill check` that rowmill.spark.load takes; --range-bytes, --save-format, --shards and --table are its own.
"""

import argparse
import json

import rowmill.spark


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("output")
    parser.add_argument("--errors")
    parser.add_argument("--report", help="write the report as JSON")
    parser.add_argument("--range-bytes", type=int, default=64 << 20)
    parser.add_argument("--save-format", help="what Spark writes the rows as (default: parquet)")
    parser.add_argument("--shards", type=int, metavar="N", help="put the rows into N SQLite databases by key, with a view over up to 10 of them")
    parser.add_argument("--table", help="the table in each of them (default: rows)")
    for name, flag in rowmill.spark._OPTIONS.flags.items():
        word = "--" + flag["name"]
        action = "store_true" if flag["value"] is None else "append" if flag["is_repeatable"] else "store"
        parser.add_argument(word, action=action, default=None, help=flag["help"].split("\n")[0].replace("%", "%%"))
    given = vars(parser.parse_args())
    inputs, output, report_file = given.pop("inputs"), given.pop("output"), given.pop("report")

    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("rowmill").getOrCreate()
    report = rowmill.spark.load(spark, inputs, output, **{name: value for name, value in given.items() if value is not None})
    text = json.dumps(report.as_dict(), indent=2)
    if report_file:
        with open(report_file, "x") as out:
            out.write(text + "\n")
    print(text)
    spark.stop()


main()
