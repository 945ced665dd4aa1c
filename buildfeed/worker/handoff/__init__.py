"""Hinted handoff: starts that one worker holds while another runs their builds."""
