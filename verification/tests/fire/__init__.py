"""What is promised, held against crashes, hangs, floods and roll-outs.

script/test runs short forms of these tests, script/fire the long ones.
"""
