#!/bin/bash
# The user guide, all of it, as a learner does it in an afternoon of machine time: builds, trains every model, compares every number.
. "$(dirname "$0")/course.sh"
course slow
finish
