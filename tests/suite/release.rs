//! What people get: the archive, the Debian package, checksums and the list of what is in it, made of the binary under test.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs a command of the system in `folder`; what it printed.
fn run(folder: &Path, program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn a_release_has_an_archive_and_a_package_that_run() {
    if !["dpkg-deb", "dpkg", "strip", "objdump", "git"]
        .iter()
        .all(|program| is_there(program))
    {
        eprintln!("WARNING: this system makes no Debian packages: releases were not tried");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let out = folder.join("out");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("scripts/release");
    let flags = [
        "--binary",
        env!("CARGO_BIN_EXE_rowmill"),
        "--out",
        out.to_str().unwrap(),
    ];
    let said = run(root, script.to_str().unwrap(), &flags);
    assert!(said.contains("binary: ") && said.contains(" bytes, needs "), "{said}");
    // A folder that has something in it is left alone.
    assert_eq!(
        Command::new(&script).args(flags).output().unwrap().status.code(),
        Some(73)
    );

    run(&out, "sha256sum", &["--check", "--strict", "SHA256SUMS"]);
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("rowmill-{version}-x86_64-linux");
    run(
        folder,
        "tar",
        &["-xzf", out.join(format!("{name}.tar.gz")).to_str().unwrap()],
    );
    let top = folder.join(&name);
    for file in [
        "rowmill",
        "README.md",
        "LICENSE-MIT",
        "man/rowmill.1",
        "man/rowmill-load.1",
        "completions/rowmill.bash",
        "completions/_rowmill",
    ] {
        assert!(
            top.join(file).metadata().is_ok_and(|metadata| metadata.len() > 0),
            "{file}"
        );
    }
    let binary = top.join("rowmill");
    assert!(run(folder, binary.to_str().unwrap(), &["--version"]).contains(version));

    // The package goes into a folder that stands for a system.
    let system = folder.join("system");
    for below in ["var/lib/dpkg/updates", "var/lib/dpkg/info", "var/log"] {
        fs::create_dir_all(system.join(below)).unwrap();
    }
    for file in ["status", "available"] {
        fs::write(system.join("var/lib/dpkg").join(file), "").unwrap();
    }
    let package = out.join(format!("rowmill_{version}_amd64.deb"));
    let root_flag = format!("--root={}", system.display());
    run(
        folder,
        "dpkg",
        &[
            "--force-not-root",
            "--force-depends",
            "--force-bad-path",
            &root_flag,
            "--install",
            package.to_str().unwrap(),
        ],
    );
    fs::write(folder.join("people.csv"), "id,name\n1,Ada\n").unwrap();
    let installed = system.join("usr/bin/rowmill");
    run(
        folder,
        installed.to_str().unwrap(),
        &["load", "people.csv", "people.db"],
    );
    assert!(folder.join("people.db").exists());
    assert!(system.join("usr/share/man/man1/rowmill-load.1.gz").exists());

    let bill = fs::read(out.join(format!("{name}.cdx.json"))).unwrap();
    let bill: serde_json::Value = serde_json::from_slice(&bill).unwrap();
    let names: Vec<&str> = bill["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"rusqlite") && names.contains(&"clap"), "{names:?}");
    assert!(!names.contains(&"proptest") && !names.contains(&"rowmill"), "{names:?}");
}
