"""
osxmail: a mail server for organisations with a directory.
"""

__version__ = "0.1.0"
