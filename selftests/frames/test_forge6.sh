#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Rows of test_forge over IPv6: those about packets and handshakes.
# fastsock: timeout=240
cd "$(dirname "$0")" || exit 1
rows=(
	tcp_segments_change_nothing_and_get_no_answer
	icmp_errors_change_nothing
	wrong_frames_are_counted_and_dropped
	a_false_cookie_makes_no_connection
	a_syn_flood_leaves_no_state
	a_client_with_a_false_answer_goes_to_tcp
	a_client_that_forgot_its_connection
	what_led_to_memory_is_used_up
	a_false_answer_leads_to_nobody
)
LAN_IPV6=1 exec ./test_forge "${rows[@]/#/-t}"
