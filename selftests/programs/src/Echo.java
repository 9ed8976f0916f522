// SPDX-License-Identifier: GPL-2.0
// An NIO server with a selector, and blocking clients in threads.

import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Arrays;

public class Echo {
	private static void answer(SelectionKey key) throws IOException {
		SocketChannel channel = (SocketChannel) key.channel();
		ByteBuffer buffer = (ByteBuffer) key.attachment();
		int n = key.isReadable() ? channel.read(buffer) : 0;

		buffer.flip();
		channel.write(buffer);
		boolean pending = buffer.hasRemaining();
		buffer.compact();
		if (n < 0 && !pending) {
			channel.close();
			return;
		}
		key.interestOps((n < 0 || !buffer.hasRemaining() ? 0
			: SelectionKey.OP_READ)
			| (pending ? SelectionKey.OP_WRITE : 0));
	}

	private static void serve(InetSocketAddress address) throws IOException {
		Selector selector = Selector.open();
		ServerSocketChannel server = ServerSocketChannel.open();

		server.bind(address);
		server.configureBlocking(false);
		server.register(selector, SelectionKey.OP_ACCEPT);
		while (true) {
			selector.select();
			for (SelectionKey key : selector.selectedKeys()) {
				if (!key.isAcceptable()) {
					answer(key);
					continue;
				}
				SocketChannel channel = server.accept();
				channel.configureBlocking(false);
				channel.register(selector, SelectionKey.OP_READ,
					ByteBuffer.allocate(10000));
			}
			selector.selectedKeys().clear();
		}
	}

	private static int use(InetSocketAddress address, int size) {
		byte[] sent = new byte[size], got = new byte[size];

		Arrays.fill(sent, (byte) size);
		try (Socket socket = new Socket()) {
			socket.connect(address, 10000);
			socket.setSoTimeout(60000);
			OutputStream out = socket.getOutputStream();
			DataInputStream in =
				new DataInputStream(socket.getInputStream());
			for (int i = 0; i < 5; i++) {
				out.write(sent);
				in.readFully(got);
				if (!Arrays.equals(sent, got))
					return -1;
			}
			socket.shutdownOutput();
			return in.read();
		} catch (IOException e) {
			System.out.println(size + ": " + e);
			return -2;
		}
	}

	public static void main(String[] args) throws Exception {
		int[] ends = new int[10];
		Thread[] threads = new Thread[ends.length];

		if (args[0].equals("serve"))
			serve(new InetSocketAddress(Integer.parseInt(args[1])));
		InetSocketAddress address = new InetSocketAddress(args[1],
			Integer.parseInt(args[2]));
		for (int i = 0; i < ends.length; i++) {
			int n = i;

			threads[i] = new Thread(() ->
				ends[n] = use(address, 1 + n * n * 500));
			threads[i].start();
		}
		for (Thread thread : threads)
			thread.join();
		System.out.println(Arrays.toString(ends));
	}
}
