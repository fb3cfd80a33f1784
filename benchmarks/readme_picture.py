"""What does the README show? The first comparisons of a demo's report, as they come.

python benchmarks/readme_picture.py demo-output docs/pictures/demo.png
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from handstyle.generation.previews import sheet
from handstyle.generation.signature import png
from handstyle.inspection.report import InspectionReport
from handstyle.records import write

COLUMNS, SIDE = 10, 128  # pictures across, pixels


def main(demo: Path, target: Path) -> None:
    report_path = next((demo / "workspace" / "inspections").glob("*/report.json"))
    report = InspectionReport.load(report_path)
    sides = [side for side in report.comparisons[:COLUMNS] if side.real]

    def picture(name: str) -> Image.Image:
        with Image.open(report_path.parent / "pictures" / name) as image:
            return image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)

    rows = [
        [picture(shown.file) for shown in row] for row in zip(*((s.base, s.style, s.real) for s in sides), strict=True)
    ]
    write(target, png(sheet(rows, ["base", "style", "artist"], [side.caption for side in sides])))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
