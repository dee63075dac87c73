package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// images are the files of volumes and snapshots below one directory.
type images struct{ directory string }

func openImages(directory string) (images, error) {
	for _, kind := range []string{"volumes", "snapshots"} {
		if err := os.MkdirAll(filepath.Join(directory, kind), 0o700); err != nil {
			return images{}, err
		}
	}
	opened := images{directory}
	return opened, opened.thaw()
}

func (i images) volume(id string) string   { return filepath.Join(i.directory, "volumes", id+".img") }
func (i images) snapshot(id string) string { return filepath.Join(i.directory, "snapshots", id+".img") }

func size(path string) (int64, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return stat.Size(), nil
}

// extend sets an image's size, without taking the blocks before they are written.
func extend(image string, bytes int64) error {
	file, err := os.OpenFile(image, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(bytes); err != nil {
		return err
	}
	return file.Sync()
}

// duplicate copies an image, whose file system is frozen meanwhile where it is mounted.
func duplicate(source, target string) error {
	at, err := mountPoint(source)
	if err != nil {
		return err
	}
	if at != "" {
		if _, err := run("fsfreeze", "--freeze", at); err != nil {
			return err
		}
	}
	_, err = run("cp", "--sparse=always", "--reflink=auto", source, target+".part")
	if at != "" {
		if _, thawed := run("fsfreeze", "--unfreeze", at); err == nil {
			err = thawed
		}
	}
	if err != nil {
		return err
	}
	return os.Rename(target+".part", target)
}

// thaw undoes the freeze of a copy that the driver's death cut short.
func (i images) thaw() error {
	volumes, err := filepath.Glob(i.volume("*"))
	if err != nil {
		return err
	}
	for _, image := range volumes {
		at, err := mountPoint(image)
		if err != nil {
			return err
		}
		if at != "" {
			run("fsfreeze", "--unfreeze", at) // refused where nothing is frozen, which is the rule
		}
	}
	return nil
}

// loopDevice is an image's loop device; "" when it has none.
func loopDevice(image string) (string, error) {
	out, err := run("losetup", "--noheadings", "--output=NAME", "--associated", image)
	first, _, _ := strings.Cut(out, "\n")
	return strings.TrimSpace(first), err
}

// mountPoint is one place where an image is mounted; "" when it is nowhere.
func mountPoint(image string) (string, error) {
	device, err := loopDevice(image)
	if err != nil || device == "" {
		return "", err
	}
	at, err := run("findmnt", "--noheadings", "--output=TARGET", "--first-only", device)
	if err != nil {
		return "", nil // findmnt's way to say that it found none
	}
	return at, nil
}

func run(name string, arguments ...string) (string, error) {
	out, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, out)
	}
	return strings.TrimSpace(string(out)), err
}
