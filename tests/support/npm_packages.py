"""Programs of ours that use packages from npm: Node looks for those beside the file that imports them."""

import shutil
import subprocess
import uuid
from pathlib import Path

from support.gateway import REPOSITORY


def installed_by(script, programs) -> Path:
    """Where `script` of scripts/lib has installed them: with `node`, node_modules/ and copies of the programs."""
    command = [REPOSITORY / "scripts/lib" / script]
    folder = Path(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip())
    for program in programs:
        wanted, there = program.read_bytes(), folder / program.name
        if not there.exists() or there.read_bytes() != wanted:
            copy = folder / f"{program.name}.{uuid.uuid4().hex}"
            copy.write_bytes(wanted)
            shutil.move(copy, there)  # another process may be about to run it
    return folder
