import os

from tabulate import tabulate

print(tabulate([["made with", os.environ["GIT_VERSION"]]], tablefmt="plain"))
