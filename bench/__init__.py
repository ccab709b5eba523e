"""How fast Penstock is: ratios against other libraries, taken in one run on one machine. `python -m bench --help`."""
