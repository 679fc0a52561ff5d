"""A server over a tiny random model, as `serve` puts it together."""

import contextlib

from phase4_production.project import loading, serve
from phase4_production.tests import live_server, tiny_models

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


def write_model(folder, template=TEMPLATE):
    """Write a model folder with a tokenizer of bytes."""
    tiny_models.llama().save_pretrained(folder)
    tiny_models.tokenizer(template).save_pretrained(folder)
    return folder


@contextlib.contextmanager
def server(folder, **changes):
    """Serve a model folder; give URL and application."""
    config = serve.Config(**({"model": folder, "name": "tiny", "cache_mb": 1} | changes))
    app = serve.build(config, folder, *loading.load(folder))
    with live_server.serve(app) as url:
        yield url, app
