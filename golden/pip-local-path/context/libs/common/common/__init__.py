def greet():
    return 'ready'
