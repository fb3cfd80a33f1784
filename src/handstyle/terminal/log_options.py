"""Which options has `log`, and what does `--help` say of each?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

LogFolder = Annotated[Path, Argument(metavar="FOLDER", help="A new folder for the log.")]
LogCopy = Annotated[Path, Argument(metavar="FILE", help="A copy of a log, as its keeper publishes it.")]
Origin = Annotated[
    str | None, Option("--origin", metavar="NAME", help="What the log is called, such as studio.example/log. [its key]")
]
EntryNumber = Annotated[int, Argument(metavar="NUMBER", min=0, help="As `handstyle log show` numbers it.")]
WitnessName = Annotated[str, Option("--name", metavar="NAME", help="Who you are, such as witness.example/w1.")]
LogKey = Annotated[
    str | None, Option("--log-key", metavar="KEY", help="The log's key, as its keeper gives it; needed the first time.")
]
CosignedTo = Annotated[Path, Option("--to", metavar="FILE", help="Where the signed checkpoint goes.")]
Cosigned = Annotated[Path, Argument(metavar="FILE", help="The checkpoint that a witness has signed.")]
