"""The page: Flask behind waitress, made by `application.create_app(services, settings)`. It knows the ports, no adapter.

A blueprint for each group of pages; `security.py` guards them all. Nothing is loaded from outside, every page works
without JavaScript, and text from files or tags is escaped by the templates wherever it is shown.
"""
