import subprocess
import sys

import click


@click.command()
@click.argument('url')
def mirror(url):
    subprocess.run(['git', 'clone', '--mirror', url], check=True)


if __name__ == '__main__':
    mirror()
