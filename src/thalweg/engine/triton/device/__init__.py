"""A device and what is asked of it: functions loaded onto it, launches, copies, and who still reads its memory."""
