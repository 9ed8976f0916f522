# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: perl
# title: Perl: a forking server, buffered and unbuffered clients
version() { perl -e 'print "perl $^V\n"'; }

serve() {
	cat > server.pl <<-'END'
	use IO::Socket::INET; $SIG{CHLD} = "IGNORE";
	my $l = IO::Socket::INET->new(LocalAddr => $ARGV[0], Listen => 20,
		ReuseAddr => 1) or die $!;
	while (my $c = $l->accept()) {
		next if fork();
		while (my $line = <$c>) { print $c scalar reverse($line), "\n"; $c->flush; }
		exit;
	}
	END
	background perl server.pl $b_ip:7000
	await_ports 7000
}

use() {
	cat > client.pl <<-'END'
	use IO::Socket::INET; use Digest::MD5 "md5_hex";
	my $sum = "";
	for my $n (1 .. 30) {
		my $c = IO::Socket::INET->new(PeerAddr => $ARGV[0]) or die $!;
		for my $i (1 .. 20) {
			print $c "line $n $i " . "x" x ($i * 37), "\n"; $c->flush;
			<$c>; $sum .= <$c>;
		}
		shutdown($c, 1); die "no end" if defined(<$c>);
	}
	print md5_hex($sum), "\n";
	END
	perl client.pl $b_ip:7000
}
