from ._adler import adler32

__all__ = ["adler32"]
