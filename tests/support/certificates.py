"""Certificates of an authority that is nobody's: each signs itself."""

import subprocess
from pathlib import Path


def certificate(directory: Path, name: str = "localhost") -> Path:
    """Make a certificate for `name` and 127.0.0.1; return it, its key is beside it (`.key`)."""
    path = directory / f"{name}.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"]
    files = ["-keyout", path.with_suffix(".key"), "-out", path]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    return path
