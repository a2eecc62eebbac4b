from datetime import date

import click
from dateutil.rrule import MO, WEEKLY, rrule


@click.command()
@click.option("--rounds", default=1, show_default=True)
def work(rounds: int) -> None:
    """Plans the collections that follow the first Monday of 2025."""
    for number, day in enumerate(rrule(WEEKLY, byweekday=MO, count=rounds, dtstart=date(2025, 1, 1)), start=1):
        click.echo(f"round {number}: {day:%Y-%m-%d}")
    click.echo("all planned")


if __name__ == "__main__":
    work()
