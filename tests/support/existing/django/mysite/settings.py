"""The settings of a project that nobody has given a cookie policy yet."""

from __future__ import annotations

from pathlib import Path

BASE_DIR = Path(__file__).parents[1]
SECRET_KEY = "a key of this site"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ADMINS = [("Ann", "ann@example.org")]
ROOT_URLCONF = "mysite.urls"
INSTALLED_APPS = ["django.contrib.sessions", "django.contrib.messages"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
