#!/bin/bash
# The user guide, its short blocks: every command runs and prints what the guide says. What takes minutes runs shortened, for its options' sake.
. "$(dirname "$0")/course.sh"
course quick
finish
