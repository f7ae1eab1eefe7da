"""The tests: folders mirror the package; doubles/ has helpers, program/ processes, project/ the house."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
