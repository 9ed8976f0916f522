# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# init defines what is used here
# The plan of "run": every operation once on every path, read by init.  What
# must compare with the module absent comes first.

# What shows that a path is as another one, and what is longer than a frame.
some="round_trip_1 round_trip_64k bulk_64k connect_1_close"
long="round_trip_64k bulk_64k"

settle
measure none veth tcp
settle
measure unix unix any
measure eventfd eventfd any
measure raw raw any
settle
load_fastsock
measure off veth tcp
settle
measure host-off host tcp
settle
measure_only "$some" off6 veth6 tcp
settle
measure_only "$some" host-off6 host6 tcp
settle
set_enable client 1
set_enable server 1
await_peers 1
measure fastsock veth fastsock
settle
measure host-on host any
settle
measure_only "$some" on6 veth6 fastsock
settle
measure_only "$some" host-on6 host6 any
settle
set_enable server 0
await_peers 0
measure delegated veth delegated
settle
offloads off
set_enable client 0
measure_only "$long" cut-off veth tcp
settle
set_enable client 1
set_enable server 1
await_peers 1
measure_only "$long" cut-on veth fastsock
settle
lose
measure_tail loss-on veth fastsock
settle
set_enable client 0
set_enable server 0
measure_tail loss-off veth tcp
lose_nothing
offloads on
settle
set_enable client 1
set_enable server 1
await_peers 1
use_rdma
measure_only "$some" rdma veth fastsock
