"""The command `python -m bench.growth`: measure clusters that hold few, many and very many products and orders."""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from bench.growth.filling import FilledState, fill
from bench.growth.measuring import Growth, measure
from bench.growth.report import table

ROOT: Final = Path(__file__).parents[2]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def say(text: str) -> None:
    """Tell how far the run is."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def filled_folder(folder: Path, documents: int) -> Path:
    """Give the folder of a replica that holds so many documents; made where it is missing."""
    filled = folder / f"filled-{documents}"
    if not filled.exists():
        begun = time.monotonic()
        unfinished = folder / f"unfinished-{documents}"
        fill(unfinished, FilledState(documents))
        unfinished.rename(filled)
        say(f"{documents:,} products and orders: filled in {time.monotonic() - begun:.0f} s")
    return filled


def run(sizes: list[int], rounds: int, seconds: float, folder: Path, *, transfer: bool) -> list[Growth]:
    """Measure each size in each round, in turn; the new disk only in the last."""
    measured = []
    for turn in range(rounds):
        for documents in sizes:
            filled = filled_folder(folder, documents)
            with tempfile.TemporaryDirectory(prefix="cluster-", dir=folder) as cluster:
                last = transfer and turn == rounds - 1
                growth = asyncio.run(measure(filled, documents, Path(cluster) / "data", seconds=seconds, transfer=last))
            measured.append(growth)
            say(json.dumps(growth.to_json()))
    return measured


@app.command()
def growth(
    sizes: Annotated[str, typer.Option(help="How many products and orders, with commas.")] = "1000,100000,1000000",
    rounds: Annotated[int, typer.Option(help="How often everything is measured.", min=1)] = 3,
    seconds: Annotated[float, typer.Option(help="How long each case is counted, in each round.", min=0.2)] = 8.0,
    folder: Annotated[
        Path | None, typer.Option(help="Where filled folders are kept, and found again by the next run.")
    ] = None,
    transfer: Annotated[bool, typer.Option(help="Also replace the disk of a replica, once for each size.")] = True,
    out: Annotated[Path, typer.Option(help="The folder of the JSON.")] = ROOT / "build" / "bench",
) -> None:
    """Measure how Quitanda's speed, memory and times of start depend on what it holds."""
    numbers = [int(size) for size in sizes.split(",")]
    with tempfile.TemporaryDirectory(prefix="quitanda-growth-") as temporary:
        measured = run(numbers, rounds, seconds, folder or Path(temporary), transfer=transfer)
    out.mkdir(parents=True, exist_ok=True)
    (out / "growth.json").write_text(json.dumps([each.to_json() for each in measured], indent=1) + "\n")
    typer.echo(table(measured))


if __name__ == "__main__":
    app()
