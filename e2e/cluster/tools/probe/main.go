// Command probe is what the cluster's own tests run in pods, where an image has no shell: each verb does one thing that a
// cluster must make possible, prints what came of it and exits with 0 if it did.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const patience = 3 * time.Second

var verbs = map[string]struct {
	arguments string
	run       func([]string) error
}{
	"serve":   {"TEXT", serve},
	"connect": {"HOST:PORT", connect},
	"resolve": {"NAME", resolve},
	"write":   {"FILE TEXT", write},
	"read":    {"FILE", read},
	"size":    {"DIRECTORY", size},
}

func main() {
	if len(os.Args) > 1 {
		if verb, known := verbs[os.Args[1]]; known {
			if err := verb.run(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	for name, verb := range verbs {
		fmt.Fprintln(os.Stderr, "probe", name, verb.arguments)
	}
	os.Exit(2)
}

func serve(arguments []string) error {
	return http.ListenAndServe(":8080", http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(answer, arguments[0])
	}))
}

func connect(arguments []string) error {
	connection, err := net.DialTimeout("tcp", arguments[0], patience)
	if err != nil {
		return err
	}
	fmt.Println("connected to", arguments[0])
	return connection.Close()
}

func resolve(arguments []string) error {
	limited, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(limited, arguments[0])
	for _, address := range addresses {
		fmt.Println(address)
	}
	return err
}

func write(arguments []string) error {
	return os.WriteFile(arguments[0], []byte(arguments[1]), 0o600)
}

func read(arguments []string) error {
	file, err := os.Open(arguments[0])
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(os.Stdout, file)
	return err
}
