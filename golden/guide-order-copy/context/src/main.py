import yaml

with open('config/settings.yml') as settings:
    print(yaml.safe_load(settings))
