"""The doctor: puts any recurrent policy through checks, and says what is wrong and where.

from rnn_tutorial.doctor import examine
examine(my_policy, obs_shape=5)
"""

from rnn_tutorial.doctor.examine import assert_healthy, examine
from rnn_tutorial.doctor.report import Finding, Report
from rnn_tutorial.doctor.subject import Subject

__all__ = ["Finding", "Report", "Subject", "assert_healthy", "examine"]
