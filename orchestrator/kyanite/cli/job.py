"""`kyanite job`: submit jobs, look at them, wait for them."""

from __future__ import annotations

import click

from kyanite.cli.vocabulary import Vocabulary

WORDS = {
    "submit": "kyanite.cli.submit:submit_job",
    "list": "kyanite.cli.listing:list_jobs",
    "show": "kyanite.cli.show:show",
    "wait": "kyanite.cli.wait:wait",
    "watch": "kyanite.cli.wait:watch",
    "output": "kyanite.cli.results:output",
    "cancel": "kyanite.cli.cancel:cancel",
    "story": "kyanite.cli.show:story",
    "count": "kyanite.cli.listing:count",
    "plot": "kyanite.cli.plot:plot",
}


@click.group(cls=Vocabulary, words=WORDS)
def job() -> None:
    """Submit jobs, look at them, wait for them."""
