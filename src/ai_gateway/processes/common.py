"""What the processes of a gateway have in common, from before they were forked."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from ai_gateway.config import Settings
from ai_gateway.ingress.listening import Bound
from ai_gateway.shared.region import Column, Mark, Region
from ai_gateway.store.shared_spool import Together

__all__ = ["Common"]


@dataclass(frozen=True, kw_only=True)
class Common:
    """What the processes have in common, from before the fork."""

    settings: Settings
    config_path: Path
    as_json: bool
    region: Region
    token: str
    bound: list[Bound]
    """For each worker."""
    ends: tuple[socket.socket, socket.socket]
    """Of the channel: the control process', the workers'."""

    def close_sockets(self) -> None:
        for each in self.bound:
            each.close()
        for end in self.ends:
            end.close()

    def together(self) -> Together:
        region = self.region
        return Together(
            token=self.token,
            rows_in=region.column(Column.ROWS_IN),
            bytes_in=region.column(Column.BYTES_IN),
            dropped=region.column(Column.DROPPED),
            rows_out=region.column(Column.ROWS_OUT),
            bytes_out=region.column(Column.BYTES_OUT),
            adopted=region.marks[Mark.ADOPTED_ROWS : Mark.ADOPTED_BYTES + 1],
        )

    @property
    def spool_folder(self) -> Path:
        return self.settings.database.path.parent / "spool"

    def in_flight(self) -> int:
        """Requests of the API that all processes serve."""
        return sum(self.region.column(Column.IN_FLIGHT))
