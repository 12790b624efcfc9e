"""A site that is nothing but the Django admin.

``python -m support.admin wsgi|asgi DATABASE`` serves it and prints where. One of its middleware sets a
cookie that no policy declares.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


def undeclared(get_response: Any) -> Any:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = get_response(request)
        response.set_cookie("toolbar", "open")
        return response

    return middleware


def configure(database: str) -> None:
    settings.configure(
        SECRET_KEY="a key for tests, long enough to be one",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=[
            "consent_django",
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
        ],
        MIDDLEWARE=[
            "consent_django.ConsentMiddleware",
            f"{__name__}.undeclared",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        CONSENT={"POLICY": {"policy": {"controller": "Example SARL", "contact": "dpo@example.org"}}},
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        # The quickest that is safe enough for a password everybody knows.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        STATIC_URL="/static/",
        USE_TZ=True,
    )
    django.setup()


def fill_database() -> None:
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    get_user_model()._default_manager.create_superuser("ada", "ada@example.org", "lovelace")  # type: ignore[attr-defined]  # of the user manager


def serve(gateway: str) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    if gateway == "asgi":
        import uvicorn
        from django.core.asgi import get_asgi_application

        uvicorn.Server(uvicorn.Config(get_asgi_application(), log_level="warning")).run(sockets=[listening])
    else:
        import waitress  # type: ignore[import-untyped]  # has no types
        from django.core.wsgi import get_wsgi_application

        waitress.serve(get_wsgi_application(), sockets=[listening])


urlpatterns: list[Any] = []

if __name__ == "__main__":
    gateway, database = sys.argv[1:]
    configure(database)
    from django.contrib import admin
    from django.urls import path

    urlpatterns += [path("admin/", admin.site.urls)]
    fill_database()
    serve(gateway)
