"""Wagtail: its admin site, and a page behind a password, which the session remembers."""

from __future__ import annotations

from tests.ecosystem.apps.django import settings
from tests.ecosystem.apps.django.settings import begin

INSTALLED_APPS = [
    "wagtail.contrib.redirects",
    "wagtail.embeds",
    "wagtail.sites",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django_filters",
    "django.contrib.staticfiles",
    *settings.INSTALLED_APPS,
]
MIDDLEWARE = [*settings.MIDDLEWARE, "wagtail.contrib.redirects.middleware.RedirectMiddleware"]
WAGTAIL_SITE_NAME = "A site"
WAGTAILADMIN_BASE_URL = "http://127.0.0.1"
app = begin(globals())

from django.urls import include, path
from wagtail import urls
from wagtail.admin import urls as admin_urls
from wagtail.models import Locale, Page, PageViewRestriction, Site

from tests.ecosystem.apps.django.views import home

Locale.objects.create(language_code="en")
root = Page.add_root(instance=Page(title="Root", slug="root"))
front = root.add_child(instance=Page(title="Front", slug="front"))
secret = front.add_child(instance=Page(title="Secret", slug="secret"))
PageViewRestriction.objects.create(page=secret, restriction_type="password", password="sesame")
Site.objects.create(hostname="127.0.0.1", root_page=front, is_default_site=True)

urlpatterns = [
    path("who/", home),
    path("admin/", include(admin_urls)),
    path("pages/", include(urls)),
]
