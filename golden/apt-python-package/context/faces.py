import sys

import cv2
import tqdm

for path in tqdm.tqdm(sys.argv[1:]):
    print(cv2.imread(path).shape)
