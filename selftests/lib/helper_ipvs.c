// SPDX-License-Identifier: GPL-2.0
/*
 * helper_ipvs ADDRESS PORT REAL_ADDRESS REAL_PORT makes a virtual TCP service
 * of IPVS with one real server that is reached by address translation;
 * helper_ipvs alone removes all.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/ip_vs.h>

struct service_and_server {
	struct ip_vs_service_user service;
	struct ip_vs_dest_user server;
};

static void set(int fd, int option, void *value, socklen_t len)
{
	if (!setsockopt(fd, IPPROTO_IP, option, value, len))
		return;
	perror("helper_ipvs");
	exit(1);
}

int main(int argc, char **argv)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	struct service_and_server both = {
		.service = {
			.protocol = IPPROTO_TCP, .sched_name = "rr",
		},
		.server = {
			.conn_flags = IP_VS_CONN_F_MASQ, .weight = 1,
		},
	};

	if (argc == 1) {
		set(fd, IP_VS_SO_SET_FLUSH, NULL, 0);
		return 0;
	}
	if (argc != 5)
		return 2;
	both.service.addr = inet_addr(argv[1]);
	both.service.port = htons(atoi(argv[2]));
	both.server.addr = inet_addr(argv[3]);
	both.server.port = htons(atoi(argv[4]));
	set(fd, IP_VS_SO_SET_ADD, &both.service, sizeof(both.service));
	set(fd, IP_VS_SO_SET_ADDDEST, &both, sizeof(both));
	return 0;
}
