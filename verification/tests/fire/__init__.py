"""Tests of the promises under crashes, outages, floods, fuzzing and deployments.

script/test runs short forms of these tests, script/fire the long ones.
"""
