import subprocess
import sys

from tqdm import tqdm

for video in tqdm(sys.argv[1:]):
    subprocess.run(['ffmpeg', '-i', video, '-vframes', '1', video + '.png'], check=True)
