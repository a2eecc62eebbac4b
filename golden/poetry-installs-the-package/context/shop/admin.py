def main():
    print('serving')
