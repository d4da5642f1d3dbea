"""stub"""

from bench.report import Report


def write(report: Report) -> None:
    """x"""
