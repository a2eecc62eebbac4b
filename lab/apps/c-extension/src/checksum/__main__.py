import sys
import zlib
from pathlib import Path

from . import adler32

for name in sys.argv[1:]:
    content = Path(name).read_bytes()
    verdict = "as zlib says" if adler32(content) == zlib.adler32(content) else "WRONG"
    print(f"{name}: {adler32(content):08x}, {verdict}")
