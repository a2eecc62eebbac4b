import sys

from nltk import word_tokenize

print(word_tokenize(sys.stdin.read()))
