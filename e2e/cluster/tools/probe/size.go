package main

import (
	"fmt"
	"syscall"
)

// size prints how many bytes the file system of a directory can hold.
func size(arguments []string) error {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(arguments[0], &stat); err != nil {
		return err
	}
	fmt.Println(int64(stat.Blocks) * stat.Bsize)
	return nil
}
