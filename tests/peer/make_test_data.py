"""Makes the files that chatmail core's suite sends around: pictures of certain sizes and a small app.

usage: make_test_data.py FOLDER
"""

import random
import sys
import zipfile
from pathlib import Path

from PIL import Image

root = Path(sys.argv[1])
(root / "image").mkdir(parents=True, exist_ok=True)
(root / "webxdc").mkdir(exist_ok=True)

# Noise does not compress: the "screenshot" must be large enough to be split into pre- and post-message (140 kB),
# and small enough to be sent as it is (500 kB).
noise = random.Random(1).randbytes(800 * 600 * 3)
Image.frombytes("RGB", (800, 600), noise).save(root / "image/screenshot.jpg", quality=85)

gradient = Image.linear_gradient("L").convert("RGB")
gradient.resize((1000, 1000)).save(root / "image/avatar1000x1000.jpg")
gradient.resize((64, 64)).save(root / "image/avatar64x64.png")

with zipfile.ZipFile(root / "webxdc/realtime-check.xdc", "w") as app:
    app.writestr("manifest.toml", 'name = "Realtime check"\n')
    app.writestr("index.html", "<!DOCTYPE html><title>Realtime check</title>")
    app.writestr("noise.bin", noise[:400_000])

with zipfile.ZipFile(root / "webxdc/chess.xdc", "w", zipfile.ZIP_DEFLATED) as app:
    app.writestr("manifest.toml", 'name = "Chess Board"\n')
    app.writestr("index.html", "<!DOCTYPE html><title>Chess Board</title>")
    with app.open("icon.png", "w") as icon:
        gradient.resize((128, 128)).save(icon, "PNG")
