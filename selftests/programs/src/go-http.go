// SPDX-License-Identifier: GPL-2.0
// A server and a client of net/http for the table of real programs.
package main

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func serve(address string) {
	http.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	})
	http.HandleFunc("/big", func(w http.ResponseWriter, r *http.Request) {
		w.Write(bytes.Repeat([]byte("fastsock"), 1<<19))
	})
	http.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(10 * time.Second)
	})
	listener, err := net.Listen("tcp", address)
	check(err)
	check(http.Serve(listener, nil))
}

func sum(response *http.Response, err error) string {
	check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(err)
	return fmt.Sprintf("%d %x", len(body), md5.Sum(body))
}

func fetch(address string) {
	var group sync.WaitGroup
	sums := make([]string, 20)
	for i := range sums {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			for j := 0; j < 10; j++ {
				body := bytes.Repeat([]byte{byte(i)}, i*j*100)
				sums[i] += sum(http.Post("http://"+address+"/echo",
					"x/y", bytes.NewReader(body))) + " "
			}
		}(i)
	}
	group.Wait()
	for _, line := range sums {
		fmt.Println(line)
	}
	fmt.Println(sum(http.Get("http://" + address + "/big")))
	impatient := http.Client{Timeout: 500 * time.Millisecond}
	_, err := impatient.Get("http://" + address + "/slow")
	fmt.Println("timeout:", err != nil)
}

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2])
	} else {
		fetch(os.Args[2])
	}
}
