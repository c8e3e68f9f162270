"""`python -m appliance.schemas`: write the shipped schemas anew."""

from appliance.schemas import write_all

for path in write_all():
    print(path)
