"""Parts for tests, written as a worker writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyarrow import fs

from earmark.records import Receipt
from earmark.store.folder import Folder, ObjectFolder
from earmark.store.parts import PartRow, write_part

OURS = "f" * 64


def memory_folder() -> Folder:
    """A folder that is as fast as a property test needs."""
    filesystem, path = fs.FileSystem.from_uri("mock:///bucket/run")
    return ObjectFolder("mock:///bucket/run", filesystem, path)


@dataclass(frozen=True)
class ToyRow:
    """What matters of a row: which segment, in which batch, and whether it is a text or an error."""

    index: int
    segment: int
    batch: int
    text: str | None
    is_split: bool = False

    def full(self) -> PartRow:
        is_failed = self.text is None
        return PartRow(
            index=self.index,
            segment=self.segment,
            num_segments=3,
            id=f"u{self.index}",
            hypothesis=self.text,
            error_kind="recognizer" if is_failed else None,
            error="no luck" if is_failed else None,
            audio_s=1.0,
            decode_s=0.5,
            compute_s=0.25,
            batch=self.batch,
            is_split=self.is_split,
            rank=0,
            device="cpu",
        )


def toy_receipt(name: str, rows: Sequence[ToyRow], whole: Sequence[int] = (), spec_fingerprint: str = OURS) -> Receipt:
    return Receipt(
        part=name,
        spec_fingerprint=spec_fingerprint,
        batches=tuple(whole),
        num_piece_rows=sum(row.batch not in whole for row in rows),
        num_rows=len(rows),
        num_failed=sum(row.text is None for row in rows),
        num_splits=sum(row.is_split for row in rows),
        audio_s=float(len(rows)),
        compute_s=0.25 * len(rows),
        wait_s=0.0,
        worker_s=1.0,
        rank=0,
        device="cpu",
        host="here",
        attempt="a",
        versions={"python": "3"},
    )


def put_part(folder: Folder, name: str, rows: Sequence[ToyRow], whole: Sequence[int] = ()) -> Receipt:
    """Commit rows as the part ``name``; the batches not in ``whole`` are pieces."""
    receipt = toy_receipt(f"parts/{name}.parquet", rows, whole)
    write_part(folder, [row.full() for row in rows], receipt)
    return receipt
