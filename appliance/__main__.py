"""`python -m appliance` is `lumbarbox`."""

import sys

from appliance.cli import main

sys.exit(main())
