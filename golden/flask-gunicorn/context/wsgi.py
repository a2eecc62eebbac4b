from shorturl import app

__all__ = ['app']
