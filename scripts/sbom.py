"""Lists what is built into the binary as a software bill of materials (CycloneDX 1.5), from Cargo.lock. Used by scripts/release."""
import json, os, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    command = ["cargo", "metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    # What only tests need is not in the binary.
    built_in, rest = set(), [root]
    while rest:
        package = rest.pop()
        for needed in nodes[package]["deps"]:
            kinds = [kind["kind"] for kind in needed["dep_kinds"]]
            if None in kinds and needed["pkg"] not in built_in and needed["pkg"] != root:
                built_in.add(needed["pkg"])
                rest.append(needed["pkg"])
    components = []
    for package in sorted((packages[name] for name in built_in), key=lambda package: (package["name"], package["version"])):
        component = {
            "type": "library",
            "name": package["name"],
            "version": package["version"],
            "purl": f"pkg:cargo/{package['name']}@{package['version']}",
        }
        if package["license"]:
            component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        components.append(component)
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "rowmill", "version": sys.argv[1]}},
        "components": components,
    }
    print(json.dumps(bill, indent=2))


main()
